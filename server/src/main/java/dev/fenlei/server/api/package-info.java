/// The routes: what they read, what they ask of the models, what they answer.
package dev.fenlei.server.api;
