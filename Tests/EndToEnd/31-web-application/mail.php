<?php
// What a contact form does: HTML mail through mail(), with a copy.
$headers = ["From" => "Site <site@web.test>", "Cc" => "plain@far.test", "MIME-Version" => "1.0",
    "Content-Type" => "text/html; charset=utf-8", "X-Originating-IP" => "192.0.2.77", "X-Mailer" => "PHP/" . phpversion()];
exit(mail("Keyed <keyed@far.test>", "magpie55subject", "<html><body><p>jackdaw66body</p></body></html>\n", $headers, $argv[1] ?? "") ? 0 : 1);
