module lkbuild/host

go 1.24
