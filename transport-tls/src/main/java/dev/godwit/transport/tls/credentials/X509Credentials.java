package dev.godwit.transport.tls.credentials;

import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Certificates. The key is an object of the JDK's, which cannot be cleared: {@link #close} lets go
 * of it, so that it is gone once nobody else has it.
 */
public final class X509Credentials implements Credentials {
  private final List<X509Certificate> chain;
  private final Authorities authorities;
  private final boolean verifyPeer;
  private volatile @Nullable PrivateKey key;
  private volatile boolean closed;

  /**
   * @param key of the first certificate of {@code chain}; empty at a client without a certificate
   * @param chain this side's own certificate and those between it and the authority
   * @param authorities whom it trusts
   * @param verifyPeer see {@link #verifyPeer()}
   */
  public X509Credentials(
      Optional<PrivateKey> key,
      List<X509Certificate> chain,
      Authorities authorities,
      boolean verifyPeer) {
    this.key = key.orElse(null);
    this.chain = List.copyOf(chain);
    this.authorities = authorities;
    this.verifyPeer = verifyPeer;
  }

  /**
   * Of the first certificate of {@link #chain}; empty at a client without a certificate.
   *
   * @throws IllegalStateException once this is closed
   */
  public Optional<PrivateKey> key() {
    Optional<PrivateKey> held = Optional.ofNullable(key);
    if (closed) {
      throw new IllegalStateException("The key of " + this + " has been let go of");
    }
    return held;
  }

  /** This side's own certificate and those between it and the authority. */
  public List<X509Certificate> chain() {
    return chain;
  }

  /** Whom it trusts. */
  public Authorities authorities() {
    return authorities;
  }

  /**
   * Whether a server asks its clients for a certificate and checks it, and a client checks its
   * server's.
   */
  public boolean verifyPeer() {
    return verifyPeer;
  }

  @Override
  public void close() {
    closed = true;
    key = null;
  }

  /** Without the key. */
  @Override
  public String toString() {
    return chain.isEmpty() ? "no certificate" : CertificateRules.subject(chain.getFirst());
  }
}
