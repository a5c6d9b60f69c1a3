/** See pack-guest.mjs. */
export interface GuestAssets {
  kernel: string;
  initramfs: string;
  images: Readonly<Record<string, string>>;
}
export function packGuest(
  assets: GuestAssets,
  facts: object,
): { list: { key: string; archive: string; files: readonly { path: string }[] }; archive: Buffer };
