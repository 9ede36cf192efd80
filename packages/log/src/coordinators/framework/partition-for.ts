/** The hash code of a Java string: 31-polynomial over UTF-16 units, 32 bits. */
export function javaStringHash(text: string): number {
  let hash = 0
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  return hash
}

/** The partition of an internal topic that keeps a group or a transactional id, as Kafka places it. */
export function partitionFor(id: string, partitionCount: number): number {
  const hash = javaStringHash(id)
  // Java has no absolute value of the smallest integer: Kafka takes 0 there.
  return (hash === -0x8000_0000 ? 0 : Math.abs(hash)) % partitionCount
}
