-- Regular expressions of user agents that belong to programs. Names are matched as they are written.
local concat = table.concat

-- Programs that say who they are by a name of their own.
local NAMES = {
  "AdsBot-Google", "AppEngine-Google", "AhrefsBot", "Applebot", "archive\\.org_bot", "archiver", "Ask Jeeves",
  "Baiduspider", "bingbot", "BingPreview", "Bytespider", "Catchpoint", "CCBot", "Comodo-Webinspector-Crawler",
  "DataForSeoBot", "Discordbot", "DotBot", "DuckDuckBot", "facebookexternalhit", "Feedbin", "findlinks", "gigabot",
  "Google-HTTP-Java-Client", "Googlebot", "GomezAgent", "Go-http-client", "Apache-HttpClient", "GPTBot", "grub-client",
  "heritrix", "htdig", "ia_archiver", "ICC-Crawler", "ichiro", "InternetArchive", "larbin", "LinkedInBot",
  "Mail\\.RU_Bot", "masscan", "Mediapartners-Google", "MJ12bot", "MSIECrawler", "msnbot", "Netvibes", "Nutch", "okhttp",
  "PagePeeker", "PetalBot", "Pingdom\\.com_bot_version_", "Python-urllib", "Qwantify", "Riddler", "Scrapy",
  "SemrushBot", "SimplePie", "Slack-ImgProxy", "Slackbot", "Slurp", "TelegramBot", "Twitterbot", "URL2PNG",
  "WhatsApp", "WhatWeb",
  "WordPress", "Xenu Link Sleuth", "yacybot", "YahooSeeker", "Yandex\\w+", "YodaoBot", "ZyBorg",
}

-- Names that end as those of robots do, followed by a version.
local KINDS = "(?:[Aa]rchiver|[Ii]ndexer|[Ss]craper|[Bb]ot|[Ss]pider|[Cc]rawl[a-z]*)"


return {
  bots = {
    "(?:^|[^A-Za-z])(?:" .. concat(NAMES, "|") .. ")(?![a-z])",
    KINDS .. "[ /]v?\\d",
    "(?:[Ss]pider|SPIDER|[Ss]crape|[Cc]rawl|CRAWL)",
    "\\+/web/snippet",
    "\\b(?:Boto3?|JetS3t|aws-cli|aws-sdk-[a-z]+|s3fs)/\\d",
  },
}
