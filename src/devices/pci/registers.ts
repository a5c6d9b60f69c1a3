/**
 * Offsets and bits of the PCI configuration header, capabilities and configuration mechanism #1.
 * PCI Local Bus Specification 3.0 (sections in the comments). Only type 0 headers.
 */

// Type 0 configuration header, §6.1 and §6.2.
export const VENDOR_ID = 0x00;
export const DEVICE_ID = 0x02;
export const COMMAND = 0x04;
export const STATUS = 0x06;
export const REVISION_ID = 0x08;
export const CLASS_CODE = 0x09;
export const CACHE_LINE_SIZE = 0x0c;
export const HEADER_TYPE = 0x0e;
export const BASE_ADDRESS_0 = 0x10;
export const SUBSYSTEM_VENDOR_ID = 0x2c;
export const SUBSYSTEM_ID = 0x2e;
export const CAPABILITIES_POINTER = 0x34;
export const INTERRUPT_LINE = 0x3c;
export const INTERRUPT_PIN = 0x3d;
/** First byte after the standard header: capabilities live from here to the end. */
export const DEVICE_SPECIFIC = 0x40;
export const CONFIG_SPACE_SIZE = 0x100;
export const BAR_COUNT = 6;

// COMMAND bits, §6.2.2.
export const COMMAND_IO = 1 << 0;
export const COMMAND_MEMORY = 1 << 1;
export const COMMAND_BUS_MASTER = 1 << 2;
export const COMMAND_PARITY = 1 << 6;
export const COMMAND_SERR = 1 << 8;
export const COMMAND_INTX_DISABLE = 1 << 10;
export const COMMAND_WRITABLE =
  COMMAND_IO | COMMAND_MEMORY | COMMAND_BUS_MASTER | COMMAND_PARITY | COMMAND_SERR | COMMAND_INTX_DISABLE;

// STATUS bits, §6.2.3.
export const STATUS_INTERRUPT = 1 << 3;
export const STATUS_CAPABILITIES = 1 << 4;

// HEADER_TYPE, §6.2.1.
export const HEADER_TYPE_MULTIFUNCTION = 1 << 7;

// Base address register low bits, §6.2.5.1.
export const BAR_IO = 0b1;
export const BAR_MEMORY_64 = 0b100;
export const BAR_PREFETCHABLE = 0b1000;
export const BAR_IO_FLAGS = 0b11;
export const BAR_MEMORY_FLAGS = 0b1111;

// Capability IDs, appendix H.
export const CAP_VENDOR = 0x09;
export const CAP_MSIX = 0x11;

// MSI-X capability, §6.8.2, offsets relative to the capability.
export const MSIX_MESSAGE_CONTROL = 2;
export const MSIX_TABLE_OFFSET = 4;
export const MSIX_PBA_OFFSET = 8;
export const MSIX_CAP_LENGTH = 12;
export const MSIX_CONTROL_FUNCTION_MASK = 1 << 14;
export const MSIX_CONTROL_ENABLE = 1 << 15;
/** MSI-X table entry, §6.8.2.6 to §6.8.2.9. */
export const MSIX_ENTRY_SIZE = 16;
export const MSIX_ENTRY_ADDRESS_LOW = 0;
export const MSIX_ENTRY_ADDRESS_HIGH = 4;
export const MSIX_ENTRY_DATA = 8;
export const MSIX_ENTRY_CONTROL = 12;
export const MSIX_ENTRY_MASKED = 1 << 0;

// Configuration mechanism #1, §3.2.2.3.2.
export const CONFIG_ADDRESS_PORT = 0xcf8;
export const CONFIG_DATA_PORT = 0xcfc;
export const CONFIG_PORT_COUNT = 8;
/** CONFIG_ADDRESS bits that hold a value: enable, bus, device, function, register. */
export const CONFIG_ADDRESS_WRITABLE = 0x80fffffc;
export const CONFIG_ADDRESS_ENABLE_SHIFT = 31;
export const CONFIG_ADDRESS_BUS_SHIFT = 16;
export const CONFIG_ADDRESS_DEVFN_SHIFT = 8;
export const CONFIG_ADDRESS_REGISTER_MASK = 0xfc;
