/** A UUID of any version in any case (RFC 9562 §4); what is stored and compared is its lower case. */
export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
