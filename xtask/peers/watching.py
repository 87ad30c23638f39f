"""What only the messages on the wire show."""


def watch(ws):
    """Whether the messages that come are compressed, as they come."""
    seen = []
    for extension in ws.protocol.extensions:
        decode = extension.decode

        def note(frame, decode=decode, **options):
            if frame.opcode in (1, 2):
                seen.append(frame.rsv1)
            return decode(frame, **options)

        extension.decode = note
    return seen
