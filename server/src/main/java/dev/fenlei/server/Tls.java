package dev.fenlei.server;

import java.nio.file.Path;

/// What the service proves its name with.
///
/// @param certificate a PEM file: the certificate, then those between it and the authority
/// @param key a PEM file: the private key in PKCS #8, not encrypted
public record Tls(Path certificate, Path key) {}
