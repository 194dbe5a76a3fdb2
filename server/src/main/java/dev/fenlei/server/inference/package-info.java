/// The models, the queue before them, and the one thread that computes.
package dev.fenlei.server.inference;
