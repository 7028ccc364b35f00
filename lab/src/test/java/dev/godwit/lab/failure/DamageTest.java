package dev.godwit.lab.failure;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.cli.Commands;
import dev.godwit.lab.cli.GodwitProcess;
import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.migration.InProcess;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.QemuSettings;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Transports;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** One bit arrives inverted: what QEMU does not notice, and what it notices only by hanging. */
final class DamageTest {
  private static final String MACHINE = "pc-i440fx-7.2";

  /** First byte after a multifd channel's init packet: the magic of its first page packet. */
  private static final int FIRST_PACKET = 65;

  /** Where a PC has its video memory and firmware instead of RAM. */
  private static final int HOLE_FROM = 0xA0000;

  private static final int HOLE_TO = 0x100000;

  private final Transports transports = Transports.load();
  @TempDir private Path dir;

  /**
   * Today's behaviour, recorded and not approved: a stream has no checksum, so a bit that flips
   * inside a page (behind the kernel's own checksums, or by a bad relay) is taken as it comes. Both
   * QEMUs say completed, and exactly one page of the guest differs.
   */
  @Test
  void aFlippedBitInAPageIsNotNoticed() throws Exception {
    // One byte of 513 belongs to a page's header, which QEMU does notice; then the next is tried.
    List<Integer> bytes = List.of(14_000_000, 15_001_000);
    for (int at : bytes) {
      if (flip(at)) {
        return;
      }
    }
    throw new AssertionError("No page was hit at any of " + bytes);
  }

  private boolean flip(int at) throws Exception {
    Path here = Files.createDirectory(dir.resolve("f" + at));
    String in = "unix:" + here.resolve("in.sock");
    String out = "unix:" + here.resolve("out.sock");
    try (TwoQemus qemus = TwoQemus.start(here, QemuVersion.V10_0, QemuVersion.V10_0, MACHINE);
        InProcess proxy = new InProcess(transports, out, in + "?fault=flip:" + at)) {
      qemus.apply(List.of("return-path", "max-bandwidth=0"));
      qemus.keepDestinationPaused();
      qemus.destinationMonitor().migrateIncoming(in, TwoQemus.soon());
      qemus.sourceMonitor().migrate(out, TwoQemus.soon());
      if (qemus.awaitSource().state() == MigrationState.FAILED) {
        return false;
      }
      assertThat(qemus.awaitDestination().state()).isEqualTo(MigrationState.COMPLETED);
      byte[] left = Files.readAllBytes(qemus.memory(qemus.source(), "source.ram"));
      byte[] right = Files.readAllBytes(qemus.memory(qemus.destination(), "destination.ram"));
      int pages = 0;
      int bits = 0;
      for (int page = 0; page < left.length; page += BootSector.PAGE_BYTES) {
        int end = page + BootSector.PAGE_BYTES;
        boolean hole = page >= HOLE_FROM && page < HOLE_TO;
        if (!hole && !Arrays.equals(left, page, end, right, page, end)) {
          pages++;
          for (int i = page; i < end; i++) {
            bits += Integer.bitCount((left[i] ^ right[i]) & 0xFF);
          }
        }
      }
      assertThat(pages).as("pages that differ").isEqualTo(1);
      assertThat(bits).as("bits that differ").isEqualTo(1);
      return true;
    }
  }

  /**
   * The destination closes its multifd channels, says nothing, and soon answers no more
   * (qemu-wire.md §4.9): {@code receive} notices, and the guest runs on at the source.
   */
  @ParameterizedTest
  @EnumSource
  void aDamagedMultifdPacketIsNoticedAndTheGuestRunsOn(QemuVersion to) throws Exception {
    try (TwoQemus qemus = TwoQemus.start(dir, QemuVersion.V10_0, to, MACHINE)) {
      QemuSettings before = qemus.sourceMonitor().settings(TwoQemus.soon());
      try (GodwitProcess receive = Commands.receive(qemus, "tcp:127.0.0.1:0", "--set", "multifd")) {
        Endpoint target = receive.awaitListening();
        Endpoint damaged = Endpoint.parse(target + "?fault=flip:" + FIRST_PACKET);
        try (InProcess middle =
                new InProcess(
                    transports,
                    "tcp:127.0.0.1:0",
                    () ->
                        new FirstAndOthers(transports.dialer(target), transports.dialer(damaged)));
            GodwitProcess send =
                Commands.send(
                    qemus,
                    middle.local().toString(),
                    "--set",
                    "multifd",
                    "--set",
                    "max-bandwidth=8M")) {
          send.expectExit(1);
          receive.expectExit(1);
          System.out.println(send.sentence() + "\n" + receive.sentence());
          assertThat(send.sentence()).endsWith("; the VM runs on at the source");
          assertThat(receive.sentence())
              .startsWith("godwit receive: The destination QEMU")
              .contains("multifd")
              .contains("the VM is at the source");
        }
      }
      assertThat(qemus.sourceMonitor().settings(TwoQemus.soon())).isEqualTo(before);
      qemus.expectRunningAtSource();
    }
  }

  /** The main channel by one dialer, all others by another. */
  private record FirstAndOthers(Dialer main, Dialer others, AtomicBoolean dialled)
      implements Dialer {
    FirstAndOthers(Dialer main, Dialer others) {
      this(main, others, new AtomicBoolean());
    }

    @Override
    public Endpoint target() {
      return main.target();
    }

    @Override
    public Peer peer() {
      return main.peer();
    }

    @Override
    public Channel dial(Deadline deadline) throws ChannelException {
      return (dialled.getAndSet(true) ? others : main).dial(deadline);
    }

    @Override
    public void abort(Throwable cause) {
      main.abort(cause);
      others.abort(cause);
    }

    @Override
    public void close() throws ChannelException {
      main.close();
      others.close();
    }
  }
}
