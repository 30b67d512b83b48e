module lkbuild/slot

go 1.24
