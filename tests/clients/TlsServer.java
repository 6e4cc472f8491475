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
 * A TLS server whose keys are on the token: TlsServer CONFIG PIN.
 *
 * The token is the last provider, as usual. As the first it would be asked for the digest of the
 * handshake too, which Java copies; a module that does not hand out the state of an operation cannot
 * copy it, and Java then goes on with an empty digest.
 */
class TlsServer {
    public static void main(String[] arguments) throws Exception {
        Provider token = Security.getProvider("SunPKCS11").configure(arguments[0]);
        Security.addProvider(token);
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
