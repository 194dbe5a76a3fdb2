/// Benchmarks on given ids and shapes, to be compared with other systems on the same work.
package dev.fenlei.cli.bench;
