module lkbuild/init

go 1.24
