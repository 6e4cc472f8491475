import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.Provider;
import java.security.PublicKey;
import java.security.Security;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** What the token computes beside what Java computes by itself: Algorithms CONFIG PIN. */
class Algorithms {
    interface Work { byte[] by(Provider provider) throws Exception; }

    static Provider token;
    static int compared;

    static void compare(String what, String own, Work work) throws Exception {
        byte[] expected = work.by(Security.getProvider(own));
        if (!Arrays.equals(expected, work.by(token))) throw new Exception(what + " differs");
        compared++;
    }

    static KeyPair pair(Provider provider, String curve) throws Exception {
        var generator = KeyPairGenerator.getInstance("EC", provider);
        generator.initialize(new ECGenParameterSpec(curve));
        return generator.generateKeyPair();
    }

    /** The same public key for another provider. */
    static PublicKey carried(PublicKey key, Provider to) throws Exception {
        return KeyFactory.getInstance("EC", to)
            .generatePublic(new X509EncodedKeySpec(key.getEncoded()));
    }

    static byte[] agree(Provider provider, KeyPair ours, PublicKey theirs) throws Exception {
        KeyAgreement agreement = KeyAgreement.getInstance("ECDH", provider);
        agreement.init(ours.getPrivate());
        agreement.doPhase(theirs, true);
        return agreement.generateSecret();
    }

    public static void main(String[] arguments) throws Exception {
        token = Security.getProvider("SunPKCS11").configure(arguments[0]);
        KeyStore.getInstance("PKCS11", token).load(null, arguments[1].toCharArray());
        // A login ends with the last session, and Java keeps none unless something is in it.
        KeyPair held = pair(token, "secp256r1");
        byte[] text = new byte[992];
        for (int at = 0; at < text.length; at++) text[at] = (byte) (at * 7);

        for (String hash : new String[] {"SHA-1", "SHA-256", "SHA-384", "SHA-512", "SHA3-256"})
            compare(hash, "SUN", by -> {
                MessageDigest digest = MessageDigest.getInstance(hash, by);
                digest.update(text, 0, 100);
                return digest.digest(text);
            });
        for (String name : new String[] {"HmacSHA1", "HmacSHA256", "HmacSHA384", "HmacSHA512"})
            for (int length : new int[] {1, 20, 64, 200})
                compare(name, "SunJCE", by -> {
                    Mac mac = Mac.getInstance(name, by);
                    mac.init(new SecretKeySpec(text, 1, length, name));
                    mac.update(text, 0, 10);
                    return mac.doFinal(text);
                });
        for (int bytes : new int[] {16, 32}) {
            SecretKeySpec key = new SecretKeySpec(text, 0, bytes, "AES");
            for (String mode : new String[] {
                "AES/CBC/NoPadding", "AES/CBC/PKCS5Padding", "AES/CTR/NoPadding", "AES/ECB/NoPadding"})
                compare(mode, "SunJCE", by -> {
                    Cipher cipher = Cipher.getInstance(mode, by);
                    if (mode.contains("ECB")) cipher.init(Cipher.ENCRYPT_MODE, key);
                    else cipher.init(Cipher.ENCRYPT_MODE, key, new IvParameterSpec(text, 40, 16));
                    byte[] out = new byte[text.length + 16];
                    int length = cipher.update(text, 0, 37, out);
                    length += cipher.doFinal(text, 37, text.length - 37, out, length);
                    return Arrays.copyOf(out, length);
                });
            for (int aad : new int[] {0, 5, 13})
                for (int length : new int[] {0, 1, 16, 700})
                    compare("GCM", "SunJCE", by -> {
                        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", by);
                        var nonce = new GCMParameterSpec(128, text, 60, 12);
                        cipher.init(Cipher.ENCRYPT_MODE, key, nonce);
                        cipher.updateAAD(text, 0, aad);
                        byte[] hidden = cipher.doFinal(text, 0, length);
                        cipher.init(Cipher.DECRYPT_MODE, key, nonce);
                        cipher.updateAAD(text, 0, aad);
                        byte[] opened = cipher.doFinal(hidden);
                        if (!Arrays.equals(opened, Arrays.copyOf(text, length)))
                            throw new Exception("GCM does not open what it closed");
                        return hidden;
                    });
        }
        Provider own = Security.getProvider("SunEC");
        for (String curve : new String[] {"secp256r1", "secp384r1", "secp521r1"}) {
            KeyPair inside = pair(token, curve);
            KeyPair outside = pair(own, curve);
            byte[] agreed = agree(token, inside, outside.getPublic());
            PublicKey point = carried(inside.getPublic(), own);
            if (!Arrays.equals(agreed, agree(own, outside, point))) throw new Exception(curve);
            compared++;
            for (String name : new String[] {"SHA256withECDSA", "SHA512withECDSA"}) {
                Signature signature = Signature.getInstance(name, token);
                signature.initSign(inside.getPrivate());
                signature.update(text);
                byte[] signed = signature.sign();
                Signature verifier = Signature.getInstance(name, own);
                verifier.initVerify(point);
                verifier.update(text);
                if (!verifier.verify(signed)) throw new Exception(name + " with " + curve);
                compared++;
            }
        }
        System.out.println("compared " + compared + ", held a key of " + held.getPublic().getAlgorithm());
    }
}
