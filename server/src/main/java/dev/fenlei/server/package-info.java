/// The HTTP classification service: routes, batching and limits.
package dev.fenlei.server;
