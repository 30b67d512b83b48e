module lkbuild/agent

go 1.24
