// Width and height as the header of a PNG or JPEG file says, before anything is decoded; null for other files.
// PNG specification 11.2.2; JPEG (ITU-T T.81) B.2.2: a frame header is marked C0 to CF, but for C4, C8 and CC; B.1.1.2:
// bytes FF may stand before a marker.
export function headerSize(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (view.getUint32(0) === 0x89504e47) return { width: view.getUint32(16), height: view.getUint32(20) };
    if (view.getUint16(0) !== 0xffd8) return null;
    for (let at = 2; ; at += 2 + view.getUint16(at + 2)) {
      while (view.getUint16(at) === 0xffff) at += 1;
      const marker = view.getUint16(at);
      if (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker))
        return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
      if (marker < 0xff00 || marker === 0xffda) return null; // pixels begin without a frame header
    }
  } catch (error) {
    if (error instanceof RangeError) return null; // the file ends within its header
    throw error;
  }
}
