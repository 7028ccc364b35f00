package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import java.io.IOException;

/** What the verbs throw, as what a channel throws. */
final class Errors {
  static final int ENOMEM = 12;
  static final int EACCES = 13;
  static final int ENODEV = 19;
  static final int EADDRINUSE = 98;
  static final int EADDRNOTAVAIL = 99;
  static final int ENETUNREACH = 101;
  static final int ETIMEDOUT = 110;
  static final int EHOSTUNREACH = 113;

  private Errors() {}

  /** A call into the verbs. */
  interface Call<T> {
    T run() throws IOException;
  }

  static <T> T checked(Call<T> call) throws ChannelException {
    try {
      return call.run();
    } catch (ChannelException e) {
      throw e;
    } catch (IOException e) {
      throw new ChannelException.Lost("The connection was closed meanwhile", e);
    }
  }
}
