package dev.fenlei.server.http;

import dev.fenlei.server.ServerException;
import dev.fenlei.server.Tls;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/// A certificate and its key in the files that certificate authorities give out.
final class PemKeyPair {

    private static final long MAX_FILE_BYTES = 1 << 20;
    private static final Pattern PRIVATE_KEY = Pattern
            .compile("-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END PRIVATE KEY-----");

    private PemKeyPair() {}

    /// The TLS context that proves the server's name with them.
    ///
    /// @throws ServerException naming the file that cannot be used, and why
    static SSLContext context(Tls tls) throws IOException {
        Certificate[] chain = chain(tls.certificate());
        PrivateKey key = key(tls.key(), chain[0].getPublicKey().getAlgorithm());
        try {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            store.setKeyEntry("server", key, new char[0], chain);
            KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            managers.init(store, new char[0]);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(managers.getKeyManagers(), null, null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new ServerException(
                    tls.certificate() + " and " + tls.key() + " cannot be used together: " + e.getMessage(), e);
        }
    }

    private static Certificate[] chain(Path file) throws IOException {
        try {
            Collection<? extends Certificate> chain = CertificateFactory.getInstance("X.509")
                    .generateCertificates(new ByteArrayInputStream(read(file).getBytes(StandardCharsets.US_ASCII)));
            if (!chain.isEmpty()) {
                return chain.toArray(Certificate[]::new);
            }
        } catch (GeneralSecurityException e) {
            throw new ServerException(file + " is not a certificate in PEM form: " + e.getMessage(), e);
        }
        throw new ServerException(file + " holds no certificate in PEM form");
    }

    private static PrivateKey key(Path file, String algorithm) throws IOException {
        Matcher matcher = PRIVATE_KEY.matcher(read(file));
        if (!matcher.find()) {
            throw new ServerException(file + " holds no unencrypted 'BEGIN PRIVATE KEY'; make one with "
                    + "'openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW'");
        }
        byte[] bytes = Base64.getMimeDecoder().decode(matcher.group(1));
        for (String name : List.of(algorithm, "RSA", "EC", "EdDSA")) {
            try {
                return KeyFactory.getInstance(name).generatePrivate(new PKCS8EncodedKeySpec(bytes));
            } catch (GeneralSecurityException tryTheNext) {
                continue;
            }
        }
        throw new ServerException(file + " holds a key that is neither RSA, nor EC, nor EdDSA");
    }

    private static String read(Path file) throws IOException {
        if (Files.size(file) > MAX_FILE_BYTES) {
            throw new ServerException(file + " is larger than " + MAX_FILE_BYTES + " bytes");
        }
        return Files.readString(file, StandardCharsets.ISO_8859_1);
    }
}
