package dev.godwit.transport.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import org.junit.jupiter.api.Test;

final class LibrariesTest {
  private static final String C = "libc.so.6";

  @Test
  void aLibraryThatIsMissingIsNamedWithItsPackage() {
    assertThatThrownBy(() -> Libraries.load(C, "libnothere.so.1"))
        .isInstanceOf(ChannelException.Unsupported.class)
        .hasMessage(
            "This host has no libnothere.so.1: install rdma-core"
                + " (Debian: apt-get install libibverbs1 librdmacm1 ibverbs-providers)");
  }

  @Test
  void aLibraryThatIsNotWhatItShouldBeIsNamedWithWhatItLacks() {
    assertThatThrownBy(() -> Libraries.load(C, C))
        .isInstanceOf(ChannelException.Unsupported.class)
        .hasMessageStartingWith(
            "This host's libc.so.6 is too old, it has no rdma_create_event_channel: ");
  }
}
