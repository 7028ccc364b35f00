package dev.godwit.channel.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.FileHeader;
import dev.godwit.channel.stream.Section;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.StreamWriter;
import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Task;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is agreed on between guests that run, and means nothing to one at rest. */
@Timeout(30)
final class LiveGuestTest {
  private static final Transports TRANSPORTS = Transports.load();

  @ParameterizedTest
  @ValueSource(strings = {Configuration.HANDOVER, Configuration.WHOLE_PAGES})
  void noImageTakesWhatIsForLiveGuests(String capability) throws Exception {
    Endpoint endpoint = Endpoint.parse("mem:" + UUID.randomUUID());
    ImageReceiver.Options options =
        new ImageReceiver.Options(1 << 20, Optional.empty(), LaneOpener.none());
    try (Listener listener = TRANSPORTS.listen(endpoint);
        ImageReceiver receiver = new ImageReceiver(listener, options);
        Dialer dialer = TRANSPORTS.dialer(endpoint)) {
      Channel main = dialer.dial(Deadline.after(Await.LIMIT));
      Task<GuestImage> receiving = Task.start("receiving", receiver::receive);
      try (StreamOutput out = new StreamOutput(main)) {
        StreamWriter writer = StreamWriter.of(out);
        writer.write(new FileHeader());
        writer.write(
            new Configuration(
                "m", OptionalInt.empty(), Optional.of(List.of(capability)), Optional.empty()));
        writer.write(
            new SectionHeader(SectionHeader.Kind.START, new Section(0, Section.RAM, 0, 4)));
        writer.flush();
        StreamException refused = (StreamException) receiving.failure();
        assertThat(refused.kind()).isEqualTo(StreamException.Kind.UNSUPPORTED);
        assertThat(refused.sentence())
            .isEqualTo("The source has " + capability + " on, which no image takes");
      } finally {
        main.abort(new IllegalStateException("The test is over"));
        main.close();
      }
    }
  }
}
