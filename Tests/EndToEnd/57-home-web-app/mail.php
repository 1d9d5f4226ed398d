<?php
// A password reset through mail(), as an application would send it.
$headers = ["From" => "Site <site@home.test>", "Cc" => "plain@far.test", "X-Originating-IP" => "192.0.2.77",
    "X-Mailer" => "PHP/" . phpversion()];
exit(mail("Keyed <keyed@far.test>", "magpie57subject", "jackdaw57body", $headers) ? 0 : 1);
