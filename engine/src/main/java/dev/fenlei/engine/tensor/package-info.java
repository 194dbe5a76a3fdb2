/// Matrices in memory and the scratch space they are cut from.
package dev.fenlei.engine.tensor;
