/**
 * The lab guest: an embedded virtual machine made of threads, which keep changing memory under
 * records that prove themselves. Whoever moves it can ask it afterwards whether a page, a record or
 * a device was lost, damaged, or left as it was in an earlier pass. It knows of no engine and no
 * transport.
 */
@NullMarked
package dev.godwit.lab.embedded;

import org.jspecify.annotations.NullMarked;
