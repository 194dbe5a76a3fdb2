/// Text generation: greedy and sampled decoding over a key-value cache.
package dev.fenlei.engine.generate;
