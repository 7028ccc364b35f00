package dev.godwit.transport.tls.credentials;

import java.util.Arrays;

/** A key and the identity it proves. */
public final class PreSharedKey implements AutoCloseable {
  private final String identity;
  private final byte[] key;

  /**
   * @param key belongs to this object from now on
   */
  public PreSharedKey(String identity, byte[] key) {
    this.identity = identity;
    this.key = key;
  }

  public String identity() {
    return identity;
  }

  /** The array itself, all zero once this is closed. */
  public byte[] key() {
    return key;
  }

  @Override
  public void close() {
    Arrays.fill(key, (byte) 0);
  }

  /** Without the key. */
  @Override
  public String toString() {
    return identity;
  }
}
