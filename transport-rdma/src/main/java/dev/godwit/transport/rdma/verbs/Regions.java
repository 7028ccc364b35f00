package dev.godwit.transport.rdma.verbs;

import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The live regions of a protection domain by their local keys. It is what keeps their memory
 * reachable. Looking up takes no lock and allocates nothing.
 */
final class Regions {
  private static final int FIRST_BUCKETS = 64;

  /** Spreads keys, of which some devices count only the upper bits. */
  private static final int SPREAD = 0x9E3779B9;

  private volatile AtomicReferenceArray<@Nullable Node> buckets =
      new AtomicReferenceArray<>(FIRST_BUCKETS);

  private int size;

  private record Node(MemoryRegion region, @Nullable Node next) {}

  @Nullable MemoryRegion find(int lkey) {
    AtomicReferenceArray<@Nullable Node> seen = buckets;
    for (Node node = seen.get(bucket(lkey, seen)); node != null; node = node.next) {
      // A key may be given anew before the region that had it is taken out.
      if (node.region.lkey() == lkey && node.region.isRegistered()) {
        return node.region;
      }
    }
    return null;
  }

  synchronized void add(MemoryRegion region) {
    if (size >= buckets.length()) {
      grow();
    }
    put(buckets, region);
    size++;
  }

  synchronized void remove(MemoryRegion region) {
    int bucket = bucket(region.lkey(), buckets);
    Node kept = null;
    boolean found = false;
    for (Node node = buckets.get(bucket); node != null; node = node.next) {
      if (node.region == region) {
        found = true;
      } else {
        kept = new Node(node.region, kept);
      }
    }
    buckets.set(bucket, kept);
    if (found) {
      size--;
    }
  }

  private void grow() {
    AtomicReferenceArray<@Nullable Node> wider = new AtomicReferenceArray<>(buckets.length() * 2);
    for (int i = 0; i < buckets.length(); i++) {
      for (Node node = buckets.get(i); node != null; node = node.next) {
        put(wider, node.region);
      }
    }
    buckets = wider;
  }

  private static void put(AtomicReferenceArray<@Nullable Node> buckets, MemoryRegion region) {
    int bucket = bucket(region.lkey(), buckets);
    buckets.set(bucket, new Node(region, buckets.get(bucket)));
  }

  private static int bucket(int lkey, AtomicReferenceArray<@Nullable Node> buckets) {
    int hash = lkey * SPREAD;
    return (hash ^ (hash >>> 16)) & (buckets.length() - 1);
  }
}
