package dev.godwit.channel.inspect;

/**
 * Pages that travelled in one way.
 *
 * @param encoding by QEMU's word, such as {@code zero} or {@code xbzrle}
 * @param pages how many records; a page that is sent twice is counted twice
 * @param wireBytes length of these records, their words and block names included
 */
public record PageCount(String encoding, long pages, long wireBytes) {}
