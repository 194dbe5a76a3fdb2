/// The pages over the run folders; knows nothing of models.
package dev.fenlei.server.runs;
