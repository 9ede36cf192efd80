/** What a server speaks that does not speak Kafka's protocol, from the first bytes that it sends; undefined where they say nothing of it. */
export function otherProtocol(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 8)).toString('latin1')
  if (text.startsWith('HTTP/')) return 'it speaks HTTP, not the protocol of Kafka: is it the right port?'
  if (text.startsWith('SSH-')) return 'it speaks SSH, not the protocol of Kafka: is it the right port?'
  // TLS: an alert or a handshake, of any version. (RFC 8446, 5.1)
  if ((bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 0x03) return 'it speaks TLS: security.protocol must be SSL or SASL_SSL'
  return undefined
}
