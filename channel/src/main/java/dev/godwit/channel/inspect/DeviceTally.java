package dev.godwit.channel.inspect;

import dev.godwit.channel.stream.ByteSink;
import dev.godwit.channel.stream.MachineDescription;
import dev.godwit.channel.stream.MachineDescription.Device;
import dev.godwit.channel.stream.Section;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Keeps the state of devices until the description comes, which is last; not more than a limit. */
final class DeviceTally {
  /** A bare machine has 15 KiB; what is longer is counted and not decoded. */
  private static final long MAX_KEPT_BYTES = 16L << 20;

  private record Key(String name, long instance) {}

  private record Kept(
      Section section, long offset, long bytes, boolean inPackage, Optional<byte[]> body) {}

  private final List<Kept> all = new ArrayList<>();
  private long keptBytes;

  /** Takes the body that comes. */
  Body begin() {
    return new Body();
  }

  /** One body as it arrives. */
  final class Body implements ByteSink {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private long length;

    private Body() {}

    @Override
    public void take(ByteBuffer piece) {
      length += piece.remaining();
      if (keptBytes + length <= MAX_KEPT_BYTES) {
        byte[] part = new byte[piece.remaining()];
        piece.get(part);
        bytes.writeBytes(part);
      }
    }

    /** It is whole. */
    void end(Section section, long offset, boolean inPackage) {
      boolean kept = bytes.size() == length;
      keptBytes += bytes.size();
      all.add(
          new Kept(
              section,
              offset,
              length,
              inPackage,
              kept ? Optional.of(bytes.toByteArray()) : Optional.empty()));
    }
  }

  /**
   * @param machine what the stream says of them; empty if it says nothing, or ended before
   * @param whyNot why {@code machine} is empty, as a sentence
   */
  List<DeviceReport> report(Optional<MachineDescription> machine, String whyNot) {
    Map<Key, Device> described = new HashMap<>();
    machine.ifPresent(
        m -> m.devices().forEach(d -> described.putIfAbsent(new Key(d.name(), d.instance()), d)));
    StateDecoder decoder = new StateDecoder();
    List<DeviceReport> reports = new ArrayList<>();
    for (Kept device : all) {
      Optional<DecodedState> state = Optional.empty();
      String undecoded = "";
      try {
        state = Optional.of(decode(device, machine.isPresent() ? "" : whyNot, described, decoder));
      } catch (StateDecoder.Mismatch e) {
        undecoded = String.valueOf(e.getMessage());
      }
      reports.add(
          new DeviceReport(
              device.section(),
              device.offset(),
              device.bytes(),
              device.inPackage(),
              state,
              undecoded));
    }
    return reports;
  }

  private static DecodedState decode(
      Kept kept, String whyNot, Map<Key, Device> described, StateDecoder decoder)
      throws StateDecoder.Mismatch {
    if (!whyNot.isEmpty()) {
      throw new StateDecoder.Mismatch(whyNot);
    }
    Device device = described.get(new Key(kept.section.name(), kept.section.instance()));
    if (device == null) {
      throw new StateDecoder.Mismatch("The stream's description does not have this device");
    }
    if (device.bodyBytes() != kept.bytes) {
      throw new StateDecoder.Mismatch(
          "The state has " + kept.bytes + " bytes, and " + device.bodyBytes() + " as described");
    }
    if (kept.body.isEmpty()) {
      throw new StateDecoder.Mismatch(
          "The devices have more than " + MAX_KEPT_BYTES + " bytes of state, which are not kept");
    }
    return decoder.decode(kept.body.get(), device.state());
  }
}
