package block

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// UniqueGUID reads the GUID of a partition, counted from 1, from a disk's GPT
// (UEFI 2.10, 5.3): nothing where there is none.
func UniqueGUID(disk io.ReaderAt, sector, index int64) string {
	const headerSize, entrySize = 92, 128
	header := make([]byte, headerSize)
	if _, err := disk.ReadAt(header, sector); err != nil || !bytes.HasPrefix(header, []byte("EFI PART")) {
		return ""
	}
	table := int64(binary.LittleEndian.Uint64(header[72:])) * sector
	count, size := int64(binary.LittleEndian.Uint32(header[80:])), int64(binary.LittleEndian.Uint32(header[84:]))
	entry := make([]byte, entrySize)
	if index < 1 || index > count || size < entrySize {
		return ""
	}
	if _, err := disk.ReadAt(entry, table+(index-1)*size); err != nil {
		return ""
	}
	g, e := entry[16:32], binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", e.Uint32(g), e.Uint16(g[4:]), e.Uint16(g[6:]), g[8:10], g[10:])
}
