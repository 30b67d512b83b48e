package sys

// Number of finit_module in this architecture's system call table.
const finitModule = 273
