/// What the service counts and measures.
package dev.fenlei.server.metrics;
