import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.math.BigInteger;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Security;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.KeyGenerator;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * The token as Java's first security provider: FirstProvider CONFIG PIN.
 *
 * Whatever names no provider is then done by the token, digests and handshakes among it. The keys
 * "rsa" and "ec" are there with their certificates, which trusted.pem has too, and OpenSSL's own key is
 * outside.key.
 */
class FirstProvider {
    static Provider token;
    static KeyStore store;
    static char[] pin;
    static byte[] text = new byte[1000];

    static void check(boolean holds, String what) throws Exception {
        if (!holds) throw new Exception(what);
    }

    /** That the token does it, and not a provider behind it. */
    static void ours(String what, Provider provider) throws Exception {
        check(provider == token, what + " is done by " + provider);
    }

    static MessageDigest digest(String name) throws Exception {
        MessageDigest digest = MessageDigest.getInstance(name);
        ours(name, digest.getProvider());
        return digest;
    }

    /** Copies at every stage of a digest go on by themselves. */
    static void digests() throws Exception {
        for (String name : new String[] {"MD5", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512",
                "SHA-512/224", "SHA-512/256", "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512"}) {
            MessageDigest own = MessageDigest.getInstance(name, "SUN");
            byte[] empty = own.digest();
            byte[] whole = own.digest(text);
            own.update(text, 0, 300);
            byte[] part = own.digest();
            // Java keeps short pieces to itself, and hands the token what is longer.
            for (int at : new int[] {1, 64, 129}) {
                MessageDigest first = digest(name);
                MessageDigest unused = (MessageDigest) first.clone();
                first.update(text, 0, at);
                MessageDigest second = (MessageDigest) first.clone();
                MessageDigest third = (MessageDigest) second.clone();
                first.update(text, at, 300 - at);
                second.update(text, at, text.length - at);
                MessageDigest fourth = (MessageDigest) first.clone();
                check(Arrays.equals(part, first.digest()), name + " with copies");
                check(Arrays.equals(whole, second.digest()), name + " of a copy");
                for (int byteAt = at; byteAt < text.length; byteAt++) third.update(text[byteAt]);
                check(Arrays.equals(whole, third.digest()), name + " of a copy's copy");
                check(Arrays.equals(part, fourth.digest()), name + " of a late copy");
                check(Arrays.equals(empty, unused.digest()), name + " of an early copy");
                // A digest that is done begins anew.
                check(Arrays.equals(whole, first.digest(text)), name + " again");
            }
            // More copies than Java keeps sessions for, all alive.
            MessageDigest source = digest(name);
            source.update(text, 0, 300);
            List<MessageDigest> copies = new ArrayList<>();
            for (int n = 0; n < 40; n++) copies.add((MessageDigest) source.clone());
            for (MessageDigest copy : copies)
                check(Arrays.equals(part, copy.digest()), name + " of one of many");
            // One that is given up halfway.
            MessageDigest dropped = digest(name);
            dropped.update(text);
            dropped.reset();
            check(Arrays.equals(empty, dropped.digest()), name + " after a reset");
        }
    }

    static void macs() throws Exception {
        for (String name : new String[] {"HmacMD5", "HmacSHA1", "HmacSHA224", "HmacSHA256", "HmacSHA384",
                "HmacSHA512", "HmacSHA512/224", "HmacSHA512/256", "HmacSHA3-224", "HmacSHA3-256",
                "HmacSHA3-384", "HmacSHA3-512"}) {
            SecretKey key = new SecretKeySpec(text, 0, 40, name);
            Mac own = Mac.getInstance(name, "SunJCE");
            own.init(key);
            Mac mac = Mac.getInstance(name);
            mac.init(key);
            ours(name, mac.getProvider());
            for (int length : new int[] {0, 1, 64, 1000})
                check(Arrays.equals(own.doFinal(Arrays.copyOf(text, length)),
                    mac.doFinal(Arrays.copyOf(text, length))), name);
            // Dropped halfway, then again.
            mac.update(text);
            mac.reset();
            check(Arrays.equals(own.doFinal(text), mac.doFinal(text)), name + " after a reset");
        }
    }

    static void randomness() throws Exception {
        SecureRandom random = new SecureRandom();
        ours("SecureRandom", random.getProvider());
        byte[] one = new byte[100_000];
        byte[] other = new byte[one.length];
        random.nextBytes(one);
        random.nextBytes(other);
        random.setSeed(text);
        random.setSeed(42);
        check(!Arrays.equals(one, other), "the same random bytes twice");
        check(random.generateSeed(20).length == 20, "a seed");
        check(new BigInteger(2048, random).bitLength() > 1900, "a number");
    }

    static void sign(String name, Key key, PublicKey publicKey, PSSParameterSpec pss, String other)
            throws Exception {
        Signature signature = Signature.getInstance(name);
        if (pss != null) signature.setParameter(pss);
        signature.initSign((PrivateKey) key);
        ours(name, signature.getProvider());
        signature.update(text, 0, 10);
        signature.update(text, 10, 990);
        byte[] signed = signature.sign();
        for (boolean inside : new boolean[] {true, false}) {
            Signature verifier = inside
                ? Signature.getInstance(name) : Signature.getInstance(name, other);
            if (pss != null) verifier.setParameter(pss);
            verifier.initVerify(publicKey);
            if (inside) ours(name, verifier.getProvider());
            verifier.update(text);
            check(verifier.verify(signed), name);
            verifier.update(text, 1, 999);
            check(!verifier.verify(signed), name + " of something else");
        }
    }

    static void signatures() throws Exception {
        Key rsa = store.getKey("rsa", null);
        PublicKey rsaPublic = store.getCertificate("rsa").getPublicKey();
        for (String hash : new String[] {"MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512"})
            sign(hash + "withRSA", rsa, rsaPublic, null, "SunRsaSign");
        for (int bits : new int[] {224, 256, 384, 512}) {
            PSSParameterSpec pss = new PSSParameterSpec("SHA-" + bits, "MGF1",
                new MGF1ParameterSpec("SHA-" + bits), bits / 8, PSSParameterSpec.TRAILER_FIELD_BC);
            sign("RSASSA-PSS", rsa, rsaPublic, pss, "SunRsaSign");
        }
        Key ec = store.getKey("ec", null);
        PublicKey ecPublic = store.getCertificate("ec").getPublicKey();
        for (String hash : new String[] {"SHA1", "SHA224", "SHA256", "SHA384", "SHA512"})
            sign(hash + "withECDSA", ec, ecPublic, null, "SunEC");
        sign("SHA256withECDSAinP1363Format", ec, ecPublic, null, "SunEC");

        // Keys from outside sign, verify, decrypt inside.
        KeyPairGenerator outside = KeyPairGenerator.getInstance("RSA", "SunRsaSign");
        outside.initialize(2048);
        KeyPair pair = outside.generateKeyPair();
        sign("SHA256withRSA", pair.getPrivate(), pair.getPublic(), null, "SunRsaSign");
        Cipher cipher = Cipher.getInstance("RSA/ECB/PKCS1Padding");
        cipher.init(Cipher.ENCRYPT_MODE, pair.getPublic());
        ours("RSA", cipher.getProvider());
        byte[] hidden = cipher.doFinal(text, 0, 100);
        Cipher own = Cipher.getInstance("RSA/ECB/PKCS1Padding", "SunJCE");
        own.init(Cipher.DECRYPT_MODE, pair.getPrivate());
        check(Arrays.equals(Arrays.copyOf(text, 100), own.doFinal(hidden)), "RSA encryption");
        cipher.init(Cipher.DECRYPT_MODE, pair.getPrivate());
        check(Arrays.equals(Arrays.copyOf(text, 100), cipher.doFinal(hidden)), "RSA decryption");
        // A wrapped key.
        KeyGenerator generator = KeyGenerator.getInstance("AES");
        generator.init(256);
        SecretKey key = generator.generateKey();
        ours("KeyGenerator", generator.getProvider());
        cipher.init(Cipher.WRAP_MODE, pair.getPublic());
        byte[] wrapped = cipher.wrap(key);
        cipher.init(Cipher.UNWRAP_MODE, pair.getPrivate());
        Key unwrapped = cipher.unwrap(wrapped, "AES", Cipher.SECRET_KEY);
        byte[][] out = new byte[2][];
        for (int n = 0; n < 2; n++) {
            Cipher aes = Cipher.getInstance("AES/GCM/NoPadding");
            aes.init(Cipher.ENCRYPT_MODE, n == 0 ? key : unwrapped, new GCMParameterSpec(128, text, 0, 12));
            ours("AES", aes.getProvider());
            aes.updateAAD(text, 0, 5);
            out[n] = aes.doFinal(text);
        }
        check(Arrays.equals(out[0], out[1]), "a wrapped key");
    }

    static void agreements() throws Exception {
        for (String name : new String[] {"EC", "DH"}) {
            KeyPairGenerator generator = KeyPairGenerator.getInstance(name);
            if (name.equals("EC")) generator.initialize(new ECGenParameterSpec("secp384r1"));
            else generator.initialize(2048);
            ours(name, generator.getProvider());
            KeyPair inside = generator.generateKeyPair();
            String other = name.equals("EC") ? "SunEC" : "SunJCE";
            KeyPairGenerator outsider = KeyPairGenerator.getInstance(name, other);
            if (name.equals("EC")) outsider.initialize(new ECGenParameterSpec("secp384r1"));
            else outsider.initialize(2048);
            KeyPair outside = outsider.generateKeyPair();
            String agrees = name.equals("EC") ? "ECDH" : "DH";
            KeyAgreement one = KeyAgreement.getInstance(agrees);
            one.init(inside.getPrivate());
            ours(agrees, one.getProvider());
            one.doPhase(outside.getPublic(), true);
            KeyAgreement two = KeyAgreement.getInstance(agrees, other);
            two.init(outside.getPrivate());
            KeyFactory factory = KeyFactory.getInstance(name, other);
            two.doPhase(factory.generatePublic(
                new X509EncodedKeySpec(inside.getPublic().getEncoded())), true);
            check(Arrays.equals(one.generateSecret(), two.generateSecret()), agrees);
        }
    }

    /** OpenSSL's certificate. */
    static Certificate outside() throws Exception {
        try (InputStream in = Files.newInputStream(Path.of("outside.pem"))) {
            return CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    /** What a key store keeps: keys and chains that come from outside, and secret keys. */
    static void keyStore() throws Exception {
        Certificate[] chain = store.getCertificateChain("rsa");
        // A key that comes from outside, with its chain.
        String pem = Files.readString(Path.of("outside.key")).replaceAll("-----.*-----|\\s", "");
        PrivateKey key = KeyFactory.getInstance("RSA")
            .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
        store.setKeyEntry("outside", key, null, new Certificate[] {outside()});
        KeyGenerator generator = KeyGenerator.getInstance("AES");
        generator.init(128);
        SecretKey made = generator.generateKey();
        store.setKeyEntry("made", made, null, null);
        store.setKeyEntry("brought", new SecretKeySpec(text, 0, 32, "AES"), null, null);
        KeyStore again = KeyStore.getInstance("PKCS11");
        ours("KeyStore", again.getProvider());
        again.load(null, pin);
        List<String> names = Collections.list(again.aliases());
        Collections.sort(names);
        check(names.equals(List.of("brought", "ec", "made", "outside", "rsa")), "entries " + names);
        check(again.isKeyEntry("outside") && again.isKeyEntry("rsa"), "kinds of entries");
        check(again.getCertificateAlias(chain[0]) != null, "an alias");
        Cipher aes = Cipher.getInstance("AES/CBC/PKCS5Padding");
        aes.init(Cipher.ENCRYPT_MODE, again.getKey("brought", null), new IvParameterSpec(text, 0, 16));
        Cipher own = Cipher.getInstance("AES/CBC/PKCS5Padding", "SunJCE");
        own.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(text, 0, 32, "AES"), new IvParameterSpec(text, 0, 16));
        check(Arrays.equals(own.doFinal(text), aes.doFinal(text)), "a stored key");
        for (String name : new String[] {"outside", "made", "brought"}) again.deleteEntry(name);
        check(again.size() == 2, "entries left");
    }

    /** Protocol, cipher suite, and its name in OpenSSL. */
    static final String[][] SUITES = {
        {"TLSv1.3", "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"},
        {"TLSv1.3", "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"},
        {"TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"},
        {"TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
        {"TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
        {"TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256"},
        {"TLSv1.2", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "DHE-RSA-AES256-GCM-SHA384"},
        {"TLSv1.2", "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"},
        {"TLSv1.2", "TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"},
    };

    /**
     * Handshakes with OpenSSL at the other end, each side certified. Two ends in one program would
     * agree on a wrong digest of the handshake too.
     */
    static void handshakes() throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        for (String name : new String[] {"rsa", "ec"})
            trusted.setCertificateEntry(name, store.getCertificate(name));
        trusted.setCertificateEntry("outside", outside());
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(store, null);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        for (String[] suite : SUITES) {
            try {
                serves(context, suite);
                // OpenSSL's key is RSA.
                if (!suite[1].contains("ECDSA")) calls(context, suite);
            } catch (Exception failed) {
                throw new Exception(String.join(" ", suite), failed);
            }
        }
    }

    /** The options of OpenSSL for a suite, and its certificate. */
    static List<String> openssl(String program, String[] suite, String... more) {
        List<String> command = new ArrayList<>(List.of("openssl", program,
            "-cert", "outside.pem", "-key", "outside.key", "-CAfile", "trusted.pem",
            "-verify_return_error", suite[0].equals("TLSv1.3") ? "-tls1_3" : "-tls1_2",
            suite[0].equals("TLSv1.3") ? "-ciphersuites" : "-cipher", suite[2]));
        command.addAll(List.of(more));
        return command;
    }

    static Process start(List<String> command) throws Exception {
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    }

    static void serves(SSLContext context, String[] suite) throws Exception {
        try (SSLServerSocket server = (SSLServerSocket) context.getServerSocketFactory()
                .createServerSocket(0, 8, InetAddress.getLoopbackAddress())) {
            server.setEnabledProtocols(new String[] {suite[0]});
            server.setEnabledCipherSuites(new String[] {suite[1]});
            server.setNeedClientAuth(true);
            Process client = start(openssl("s_client", suite, "-quiet",
                "-connect", "127.0.0.1:" + server.getLocalPort()));
            client.getOutputStream().write("hello\n".getBytes());
            client.getOutputStream().flush();
            try (SSLSocket socket = (SSLSocket) server.accept()) {
                socket.setSoTimeout(20_000);
                var in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
                check(in.readLine().equals("hello"), "what the server read");
                socket.getOutputStream().write("olleh\n".getBytes());
                check(socket.getSession().getCipherSuite().equals(suite[1]), "the suite");
                check(socket.getSession().getPeerCertificates().length == 1, "the client's certificate");
            }
            check(new String(client.getInputStream().readAllBytes()).equals("olleh\n"), "the answer");
            client.waitFor();
        }
    }

    static void calls(SSLContext context, String[] suite) throws Exception {
        // Java would choose its EC key also where it offers no curves, which OpenSSL refuses.
        Process server = new ProcessBuilder(openssl("s_server", suite, "-rev", "-Verify", "1",
            "-client_sigalgs", "rsa_pss_rsae_sha256:RSA+SHA256", "-accept", "127.0.0.1:0", "-naccept", "1")).redirectErrorStream(true).start();
        server.getOutputStream().close();
        var said = new BufferedReader(new InputStreamReader(server.getInputStream()));
        String line = said.readLine();
        while (line != null && !line.startsWith("ACCEPT ")) line = said.readLine();
        check(line != null, "the port of openssl s_server");
        int port = Integer.parseInt(line.substring(line.lastIndexOf(':') + 1));
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", port)) {
            socket.setSoTimeout(20_000);
            socket.setEnabledProtocols(new String[] {suite[0]});
            socket.setEnabledCipherSuites(new String[] {suite[1]});
            socket.getOutputStream().write("hello\n".getBytes());
            var in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
            check("olleh".equals(in.readLine()), "the answer");
        } finally {
            server.destroy();
            server.waitFor();
        }
    }

    public static void main(String[] arguments) throws Exception {
        token = Security.getProvider("SunPKCS11").configure(arguments[0]);
        Security.insertProviderAt(token, 1);
        pin = arguments[1].toCharArray();
        new java.util.Random(1).nextBytes(text);
        store = KeyStore.getInstance("PKCS11");
        ours("KeyStore", store.getProvider());
        store.load(null, pin);
        String[] only = Arrays.copyOfRange(arguments, 2, arguments.length);
        List<String> wanted = only.length == 0
            ? List.of("digests", "macs", "randomness", "signatures", "agreements", "keyStore", "handshakes")
            : Arrays.asList(only);
        for (String part : wanted) {
            long begun = System.nanoTime();
            FirstProvider.class.getDeclaredMethod(part).invoke(null);
            System.out.println(part + " done");
            System.err.println(part + " took " + (System.nanoTime() - begun) / 1_000_000 + " ms");
        }
    }
}
