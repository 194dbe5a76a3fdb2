/// The operations on the processor, with the Vector API.
package dev.fenlei.engine.compute.cpu;
