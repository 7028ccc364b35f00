package dev.godwit.channel.inspect;

import java.util.Locale;

/** What bytes of a stream are for; pages in records are counted by their encoding besides. */
enum Part {
  FILE_HEADER,
  CONFIGURATION,
  COMMANDS,
  /** Headers and footers of all sections. */
  SECTION_FRAMES,
  RAM_TABLE,
  /** EOS and flush marks of RAM sections. */
  RAM_MARKS,
  MAPPED_RAM_HEADERS,
  MAPPED_RAM_BITMAPS,
  /** Between a bitmap and its pages, which are aligned. */
  MAPPED_RAM_PADDING,
  MAPPED_RAM_PAGES,
  /** The places of pages that are zero; a file has nothing there. */
  MAPPED_RAM_HOLES,
  DIRTY_BITMAPS,
  DISK_BLOCKS,
  /** Bodies of FULL sections. */
  DEVICE_STATE,
  /** Bodies of sections that move something else than memory, in pieces. */
  OTHER_STATE,
  END_OF_SECTIONS,
  DESCRIPTION,
  /** What follows a whole stream, and is no part of it. */
  BEHIND_THE_END,
  /** From the last thing that was read whole to the end of a damaged stream. */
  NOT_UNDERSTOOD;

  /** As in a report, such as {@code file-header}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
