package dev.godwit.lab.tls;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;

/** Eight bytes of each of many pages: enough that none occurs by chance in what a test captures. */
record KnownPattern(Set<Long> words) {
  private static final int PAGE_BYTES = 4096;
  private static final int MOST_WORDS = 500;

  /** Bits that are set in a word that looks random; zeroes and small numbers are everywhere. */
  private static final int LEAST_BITS = 16;

  private static final int MOST_BITS = 48;

  /**
   * @param offset in each page
   * @param random which pages are taken
   */
  static KnownPattern of(ByteBuffer memory, int offset, Random random) {
    Set<Long> words = new HashSet<>();
    for (int i = 0; i < 20 * MOST_WORDS && words.size() < MOST_WORDS; i++) {
      int page = random.nextInt(memory.limit() / PAGE_BYTES);
      long word = memory.getLong(page * PAGE_BYTES + offset);
      int bits = Long.bitCount(word);
      if (bits >= LEAST_BITS && bits <= MOST_BITS) {
        words.add(word);
      }
    }
    return new KnownPattern(Set.copyOf(words));
  }

  /** How many of the words are in any of the files of a tap. */
  int seenIn(Path tap) throws IOException {
    Set<Long> seen = new HashSet<>();
    for (Path file : files(tap)) {
      try (FileChannel bytes = FileChannel.open(file)) {
        ByteBuffer all = bytes.map(FileChannel.MapMode.READ_ONLY, 0, bytes.size());
        for (int at = 0; at + Long.BYTES <= all.limit(); at++) {
          long word = all.getLong(at);
          if (words.contains(word)) {
            seen.add(word);
          }
        }
      }
    }
    return seen.size();
  }

  static long bytesIn(Path tap) throws IOException {
    long sum = 0;
    for (Path file : files(tap)) {
      sum += Files.size(file);
    }
    return sum;
  }

  private static List<Path> files(Path tap) throws IOException {
    try (Stream<Path> files = Files.list(tap)) {
      return files.toList();
    }
  }
}
