package dev.godwit.transport.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.ibm.disni.verbs.IbvSendWR;
import com.ibm.disni.verbs.IbvSge;
import com.ibm.disni.verbs.IbvWC;
import com.ibm.disni.verbs.SVCPostRecv;
import com.ibm.disni.verbs.SVCPostSend;
import dev.godwit.transport.ChannelException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Bytes between two queue pairs, and requests that must not be posted. */
@Tag("softroce")
final class TransferTest {
  private static final long SEED = Long.getLong("godwit.seed", 1);
  private static final int REM_ACCESS_ERROR = 10;
  private static final int RECEIVE = 128;

  private Pair pair;
  private Side client;
  private Side server;

  @BeforeEach
  void connect() throws IOException {
    pair = Pair.connect();
    client = pair.client;
    server = pair.server;
  }

  @AfterEach
  void close() throws IOException {
    pair.close();
  }

  private static void fill(MemorySegment memory, long seed) {
    Random random = new Random(seed);
    for (long i = 0; i < memory.byteSize(); i++) {
      memory.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
    }
  }

  @Test
  void aSendArrivesInTheReceiveThatWasPosted() throws IOException {
    MemoryRegion from = client.register(4096);
    MemoryRegion to = server.register(4096);
    fill(from.memory(), SEED);
    server.prepareReceive(7, Side.entry(to, 0, 4096)).execute();

    client.prepare(Side.send(8, Side.entry(from, 100, 1000))).execute();

    client.complete(8);
    IbvWC received = server.complete(7);
    assertThat(received.getByte_len()).isEqualTo(1000);
    assertThat(received.getOpcode()).isEqualTo(RECEIVE);
    assertThat(received.isSend()).isFalse();
    assertThat(received.getQp_num()).isEqualTo(server.queuePair.getQp_num());
    assertThat(to.memory().asSlice(0, 1000).mismatch(from.memory().asSlice(100, 1000)))
        .as("seed %d", SEED)
        .isEqualTo(-1);
    from.deregister();
    to.deregister();
  }

  @Test
  void aPreparedReceiveIsPostedAgainAndAgain() throws IOException {
    MemoryRegion from = client.register(4096);
    MemoryRegion to = server.register(4096);
    SVCPostRecv receive = server.prepareReceive(1, Side.entry(to, 0, 64));
    SVCPostSend send = client.prepare(Side.send(0, Side.entry(from, 0, 8)));
    for (long round = 0; round < 100; round++) {
      from.memory().set(ValueLayout.JAVA_LONG, 0, round);
      receive.execute();
      send.getWrMod(0).setWr_id(round);
      send.execute();
      client.complete(round);
      server.complete(1);
      assertThat(to.memory().get(ValueLayout.JAVA_LONG, 0)).isEqualTo(round);
    }
    from.deregister();
    to.deregister();
  }

  @Test
  void aPatchedWriteLandsWhereItIsSent() throws IOException {
    int bytes = 300_000;
    MemoryRegion from = client.register(bytes);
    MemoryRegion to = server.register(bytes);
    fill(from.memory(), SEED);
    SVCPostSend write = client.prepare(Side.write(0, Side.entry(from, 0, 1), 0, 0));

    write.getWrMod(0).setWr_id(5);
    write.getWrMod(0).getSgeMod(0).setAddr(from.address() + 5);
    write.getWrMod(0).getSgeMod(0).setLength(bytes - 5);
    write.getWrMod(0).getRdmaMod().setRemote_addr(to.address() + 3);
    write.getWrMod(0).getRdmaMod().setRkey(to.rkey());
    write.execute();

    client.complete(5);
    assertThat(to.memory().asSlice(3, bytes - 5).mismatch(from.memory().asSlice(5, bytes - 5)))
        .as("seed %d", SEED)
        .isEqualTo(-1);
    from.deregister();
    to.deregister();
  }

  @Test
  void aWriteOfNothingIsAcknowledged() throws IOException {
    client.prepare(Side.write(3, List.of(), 0, 0)).execute();

    client.complete(3);
  }

  @Test
  void inlineBytesMayChangeAtOnce() throws IOException {
    MemoryRegion from = client.register(4096);
    MemoryRegion to = server.register(4096);
    from.memory().set(ValueLayout.JAVA_LONG, 0, 42);
    IbvSendWR request = Side.write(1, Side.entry(from, 0, 8), to.address(), to.rkey());
    request.setSend_flags(IbvSendWR.IBV_SEND_SIGNALED | IbvSendWR.IBV_SEND_INLINE);

    client.prepare(request).execute();
    from.memory().set(ValueLayout.JAVA_LONG, 0, 43);
    from.deregister();

    client.complete(1);
    assertThat(to.memory().get(ValueLayout.JAVA_LONG, 0)).isEqualTo(42);
    to.deregister();
  }

  @Test
  void inlineBytesThatDoNotFitAreRefused() throws IOException {
    MemoryRegion from = client.register(1 << 20);
    IbvSendWR request = Side.write(1, Side.entry(from, 0, 1 << 20), from.address(), 0);
    request.setSend_flags(IbvSendWR.IBV_SEND_SIGNALED | IbvSendWR.IBV_SEND_INLINE);

    assertThatThrownBy(() -> client.prepare(request).execute())
        .isInstanceOf(ChannelException.Native.class)
        .hasMessageContaining("1048576 bytes do not fit into a request");
    from.deregister();
  }

  @Test
  void aKeyThatThePeerDoesNotHaveFailsTheWrite() throws IOException {
    MemoryRegion from = client.register(4096);

    client.prepare(Side.write(9, Side.entry(from, 0, 8), from.address(), 0x1234)).execute();

    IbvWC failed = client.complete();
    assertThat(failed.getWr_id()).isEqualTo(9);
    assertThat(failed.getStatus()).isEqualTo(REM_ACCESS_ERROR);
    assertThat(failed.getQp_num()).isEqualTo(client.queuePair.getQp_num());
    assertThat(pair.verbs.statusText(REM_ACCESS_ERROR)).isEqualTo("remote access error");
    from.deregister();
  }

  @Test
  void aStatusThatNobodyKnowsHasWordsToo() {
    assertThat(pair.verbs.statusText(1000)).isNotEmpty();
    assertThat(pair.verbs.statusText(-1)).isNotEmpty();
  }

  @Test
  void theKeyOfARegionThatIsGoneNoLongerWorks() throws IOException {
    MemoryRegion from = client.register(4096);
    MemoryRegion to = server.register(4096);
    int rkey = to.rkey();
    to.deregister();

    client.prepare(Side.write(9, Side.entry(from, 0, 8), to.address(), rkey)).execute();

    assertThat(client.complete().getStatus()).isEqualTo(REM_ACCESS_ERROR);
    from.deregister();
  }

  @Test
  void memoryOutsideOfTheRegionIsNotPosted() throws IOException {
    MemoryRegion from = client.register(4096);
    assertRefused(from.address() - 1, 8, from.lkey());
    assertRefused(from.address() + 4089, 8, from.lkey());
    assertRefused(from.address(), 4097, from.lkey());
    assertRefused(from.address(), -1, from.lkey());
    assertRefused(-8, 16, from.lkey());
    assertRefused(Long.MAX_VALUE, 16, from.lkey());
    assertRefused(from.address(), 8, from.lkey() + 1);
    from.deregister();
    assertRefused(from.address(), 8, from.lkey());
  }

  private void assertRefused(long address, int length, int lkey) throws IOException {
    SVCPostSend send = client.prepare(Side.send(1, Side.entry(address, length, lkey)));
    assertThatThrownBy(send::execute)
        .isInstanceOf(ChannelException.Native.class)
        .hasMessageContaining("No live region of the queue pair's domain");
    SVCPostRecv receive = client.prepareReceive(1, Side.entry(address, length, lkey));
    assertThatThrownBy(receive::execute)
        .isInstanceOf(ChannelException.Native.class)
        .hasMessageContaining("No live region of the queue pair's domain");
  }

  @Test
  void aRegionOfAnotherDomainIsNotPosted() throws IOException {
    MemoryRegion other = server.register(4096);

    assertRefused(other.address(), 8, other.lkey());
    other.deregister();
  }

  @Test
  void aQueueThatIsFullSaysHowManyWerePosted() throws IOException {
    MemoryRegion to = server.register(4096);
    SVCPostRecv receive = server.prepareReceive(1, Side.entry(to, 0, 64));
    int room = server.attributes.cap().getMax_recv_wr();
    assertThat(room).isGreaterThanOrEqualTo(Side.DEPTH);
    assertThatThrownBy(
            () -> {
              for (int i = 0; i <= 4 * room; i++) {
                receive.execute();
              }
            })
        .isInstanceOfSatisfying(
            ChannelException.Native.class,
            failure -> {
              assertThat(failure.errno()).isEqualTo(Libc.ENOMEM);
              assertThat(failure.call()).isEqualTo("ibv_post_recv");
            })
        .hasMessageStartingWith("Only 0 of 1 work requests were posted: ");
    to.deregister();
  }

  @Test
  void aChainOfRequestsGoesOutInOneCall() throws IOException {
    MemoryRegion from = client.register(4096);
    MemoryRegion to = server.register(4096);
    fill(from.memory(), SEED);

    client
        .prepare(
            Side.write(1, Side.entry(from, 0, 100), to.address(), to.rkey()),
            Side.write(2, Side.entry(from, 100, 100), to.address() + 100, to.rkey()))
        .execute();

    client.complete(1);
    client.complete(2);
    assertThat(to.memory().asSlice(0, 200).mismatch(from.memory().asSlice(0, 200))).isEqualTo(-1);
    from.deregister();
    to.deregister();
  }

  @Test
  void callsThatCouldOverrunAreNotPrepared() throws IOException {
    IbvWC[] one = {new IbvWC()};
    assertThatThrownBy(() -> client.queue.poll(one, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("From 1 to 1 completions can be polled, not 2");
    assertThatThrownBy(() -> client.queue.poll(one, -1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> client.queue.poll(new IbvWC[1], 1))
        .isInstanceOf(IllegalArgumentException.class);
    IbvSendWR atomic = Side.send(1, List.of());
    atomic.setOpcode(IbvSendWR.IBV_WR_ATOMIC_CMP_AND_SWP);
    assertThatThrownBy(() -> client.prepare(atomic)).isInstanceOf(IllegalArgumentException.class);
    MemoryRegion region = client.register(4096);
    List<IbvSge> many = new ArrayList<>();
    for (int i = 0; i <= client.attributes.cap().getMax_send_sge(); i++) {
      many.addAll(Side.entry(region, i, 1));
    }
    assertThatThrownBy(() -> client.prepare(Side.send(1, many)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("gathers from at most");
    region.deregister();
  }

  @Test
  void aFreedCallIsNotExecuted() throws IOException {
    SVCPostSend send = client.prepare(Side.write(3, List.of(), 0, 0));
    send.free();
    send.free();

    assertThat(send.isValid()).isFalse();
    assertThatThrownBy(send::execute)
        .isInstanceOf(ClosedHandleException.class)
        .hasMessage("The prepared send is closed");
  }
}
