module lkbuild/metadata

go 1.24
