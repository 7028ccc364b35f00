package dev.godwit.channel.ram;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.testkit.Io;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Memory with random contents, of which some pages change now and then. */
final class RandomGuest {
  static final int PAGE = 4096;
  private static final List<String> NAMES =
      List.of("pc.ram", "/rom@etc/acpi/tables", "pc.bios", "vga.vram");

  /** A page to send. */
  record Place(int block, long offset) {}

  private final Random random;
  private final RamBlocks blocks;

  RandomGuest(Random random, Arena arena) {
    this.random = random;
    List<RamBlock> made = new ArrayList<>();
    for (String name : NAMES.subList(0, 1 + random.nextInt(NAMES.size()))) {
      int pages = name.equals("pc.ram") ? 100 + random.nextInt(200) : 1 + random.nextInt(20);
      long bytes = (long) pages * PAGE;
      made.add(new RamBlock(name, arena.allocate(bytes, PAGE), PAGE));
    }
    blocks = new RamBlocks(made);
    all().forEach(this::change);
  }

  RamBlocks blocks() {
    return blocks;
  }

  List<Place> all() {
    List<Place> places = new ArrayList<>();
    for (int block = 0; block < blocks.all().size(); block++) {
      for (long offset = 0; offset < blocks.all().get(block).lengthBytes(); offset += PAGE) {
        places.add(new Place(block, offset));
      }
    }
    return places;
  }

  /** Changes some pages, and returns these and some that only seem to have changed. */
  List<Place> change() {
    List<Place> dirty = new ArrayList<>();
    for (Place place : all()) {
      if (random.nextInt(3) == 0) {
        dirty.add(place);
        if (random.nextInt(5) > 0) {
          change(place);
        }
      }
    }
    return dirty;
  }

  private void change(Place place) {
    MemorySegment page = blocks.all().get(place.block).memory().asSlice(place.offset, PAGE);
    switch (random.nextInt(6)) {
      case 0 -> page.fill((byte) 0);
      case 1 -> Io.fill(page, 0, Io.bytes(random, PAGE));
      case 2 -> page.fill((byte) random.nextInt(3));
      default -> {
        for (int changes = random.nextInt(8); changes > 0; changes--) {
          byte[] bytes = Io.bytes(random, 1 + random.nextInt(200));
          Io.fill(page, random.nextInt(PAGE - bytes.length), bytes);
        }
      }
    }
  }

  void assertSameAs(RamBlocks other) {
    for (RamBlock block : blocks.all()) {
      MemorySegment there = other.named(block.name()).orElseThrow().memory();
      assertThat(block.memory().mismatch(there)).as("first difference in %s", block).isEqualTo(-1);
    }
  }
}
