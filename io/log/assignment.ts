/**
 * Who of a group reads which partitions.
 *
 * Laws: each partition has one member; no member has two more than another; the same question has the same answer; and a
 * partition stays with its member wherever that leaves the others their share.
 */

/**
 * The member of each partition.
 *
 * @param members in the order in which they joined.
 * @param before who had each partition; those who are gone may be in it.
 */
export function assign(
  partitions: number,
  members: readonly string[],
  before: ReadonlyMap<number, string>,
): ReadonlyMap<number, string> {
  const assigned = new Map<number, string>()
  if (members.length === 0) return assigned
  const counts = new Map(members.map((member) => [member, 0]))
  const share = Math.floor(partitions / members.length)
  let larger = partitions % members.length
  for (let partition = 0; partition < partitions; partition++) {
    const member = before.get(partition)
    const count = member === undefined ? undefined : counts.get(member)
    if (member === undefined || count === undefined || count > share || (count === share && larger === 0)) continue
    if (count === share) larger--
    counts.set(member, count + 1)
    assigned.set(partition, member)
  }
  for (let partition = 0; partition < partitions; partition++) {
    if (assigned.has(partition)) continue
    const [member, count] = [...counts].reduce((least, each) => (each[1] < least[1] ? each : least))
    counts.set(member, count + 1)
    assigned.set(partition, member)
  }
  return assigned
}
