package dev.godwit.transport;

/** Who is at the other end, as far as the transport itself knows. */
public sealed interface PeerIdentity {

  /** The transport tells nothing. */
  record Unknown() implements PeerIdentity {
    @Override
    public String toString() {
      return "unknown";
    }
  }

  /**
   * A process of this host, as the kernel named it when it connected or began to listen.
   *
   * @param pid 0 where the kernel does not say
   */
  record LocalProcess(int pid, int uid, int gid) implements PeerIdentity {
    @Override
    public String toString() {
      return "pid " + pid + " uid " + uid;
    }
  }

  /**
   * A name that the peer has proven.
   *
   * @param kind for example {@code x509} or {@code psk}
   * @param name the subject or the identity
   */
  record Named(String kind, String name) implements PeerIdentity {
    @Override
    public String toString() {
      return kind + " " + name;
    }
  }
}
