"""Templates: what may be written, what it becomes, and how it looks before it leaves.

Doors: `liquid.compile_template` (all channels), `email.compile_email` and `render_email`, `sms.compile_sms` and
`measure`, `push.compile_push`, `whatsapp.compile_whatsapp` and `render_whatsapp`, `variables.common_variables`,
`preview.preview`, `differences.diff_versions`, `languages`, `designs`. Saving is `actions.schemas`: `save_schema`,
`save_variant`, `restore_version`; all that is wrong there is a `TemplateProblem` with the field (`blocks[2].content`),
the line and the column.

| What | At most | Where it comes from |
|---|---|---|
| a template's source | 500,000 characters, 80,000 of them markup | parsing stays under a second |
| one render: output, loops, work | 1 MB, 10,000 rounds, 2 million characters through filters | one message cannot hold a sender up |
| nesting, names a template assigns | 20 levels, 500 names of 200,000 characters | the same |
| e-mail: blocks, columns, one text | 200, 4 in a row, 100,000 characters | a page that a person can edit |
| e-mail: the page | 102 KB, told and not refused | Gmail cuts it off there |
| SMS | 1,600 characters; 160 or 153 units a segment in GSM-7, 70 or 67 in UCS-2 | Twilio; GSM 03.38 |
| push: the whole content | 4,096 bytes, 3 buttons | APNs, FCM; Android |
| push on a lock screen | about 50 + 178 characters (iPhone), 65 + 240 (Android), told and not refused | looked at, promised by nobody |
| WhatsApp, free text | 4,096 characters; above 1,600 it is told that Twilio takes no more | WhatsApp; Twilio |
| WhatsApp, approved text | 1,024 characters with its parameters, 100 parameters, none at either end, none side by side, none empty | WhatsApp; Twilio |
"""
