import java.io.OutputStream;
import java.net.InetAddress;
import java.security.KeyStore;
import java.security.Provider;
import java.security.Security;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/**
 * A TLS server whose keys are on the token, which is Java's first provider, so the digest of the
 * handshake and what is derived from it are the token's too: TlsServer CONFIG PIN.
 */
class TlsServer {
    public static void main(String[] arguments) throws Exception {
        Provider token = Security.getProvider("SunPKCS11").configure(arguments[0]);
        Security.insertProviderAt(token, 1);
        char[] pin = arguments[1].toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS11", token);
        store.load(null, pin);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(store, pin);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        InetAddress here = InetAddress.getLoopbackAddress();
        try (var server = (SSLServerSocket)
                context.getServerSocketFactory().createServerSocket(0, 8, here)) {
            System.out.println("port " + server.getLocalPort());
            while (true) {
                try (SSLSocket client = (SSLSocket) server.accept()) {
                    client.setSoTimeout(20_000);
                    client.startHandshake();
                    OutputStream out = client.getOutputStream();
                    out.write(("served " + client.getSession().getCipherSuite() + "\n").getBytes());
                } catch (Exception failed) {
                    // The client that it happened to fails its test; this says why.
                    failed.printStackTrace();
                }
            }
        }
    }
}
