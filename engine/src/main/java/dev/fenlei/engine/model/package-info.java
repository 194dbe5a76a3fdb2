/// The transformer: each layer has its forward and its exact backward side by side.
package dev.fenlei.engine.model;
