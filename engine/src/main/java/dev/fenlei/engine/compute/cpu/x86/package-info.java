/// Machine code for x86-64, written at run time: an assembler, pages to run it from, and the kernels.
package dev.fenlei.engine.compute.cpu.x86;
