/// What every request goes through, whatever it asks: keys, origins, limits, bodies, identifiers, the access log.
package dev.fenlei.server.http;
