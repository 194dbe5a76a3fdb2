/// The one list of operations the transformer needs, and the backends that carry them out.
package dev.fenlei.engine.compute;
